/** 128 bits in hex. Without `crypto`, as in some apps, of `Math.random`: it names a device or a request, and opens nothing. */
export function randomId(): string {
  const { crypto } = globalThis as { crypto?: Crypto };
  const bytes = new Uint8Array(16);
  if (crypto && crypto.getRandomValues) crypto.getRandomValues(bytes);
  else bytes.forEach((_, place) => (bytes[place] = Math.random() * 256));
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}
