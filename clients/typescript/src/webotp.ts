/**
 * The code, as the browser reads it from the message (WebOTP), or undefined: where it cannot, where nobody allowed it, or
 * after `signal`. Latch sends such messages where SMS_DOMAIN names this page's site.
 */
export async function readCode(signal?: AbortSignal): Promise<string | undefined> {
  if (!("OTPCredential" in globalThis)) return;
  try {
    const options = { otp: { transport: ["sms"] }, ...(signal && { signal }) };
    const found = (await navigator.credentials.get(options as CredentialRequestOptions)) as { code?: string } | null;
    return found ? found.code : undefined;
  } catch {
    return;
  }
}
