// Makes a passkey, and logs in with one: what a browser's WebAuthn wants, to and from JSON.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const told = document.getElementById("told");
  const tell = (sentence) => { told.textContent = sentence; told.hidden = !sentence; };

  async function post(path, body) {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const got = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(got.message), { answered: got.message });
    return got.data;
  }

  const listed = (credentials) => (credentials || []).map((one) => ({ ...one, id: bytes(one.id) }));

  async function create(options) {
    const publicKey = {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    };
    const made = await navigator.credentials.create({ publicKey });
    const { clientDataJSON, attestationObject } = made.response;
    return {
      id: made.id, rawId: text(made.rawId), type: made.type,
      authenticatorAttachment: made.authenticatorAttachment, clientExtensionResults: {},
      response: {
        clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  }

  async function prove(options) {
    const publicKey = {
      ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials),
    };
    const proof = await navigator.credentials.get({ publicKey });
    const { clientDataJSON, authenticatorData, signature, userHandle } = proof.response;
    return {
      id: proof.id, rawId: text(proof.rawId), type: proof.type, clientExtensionResults: {},
      response: {
        clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature),
        userHandle: userHandle ? text(userHandle) : null,
      },
    };
  }

  async function pressed(button, work) {
    tell("");
    button.disabled = true;
    try {
      location.assign(await work());
    } catch (error) {
      const quiet = error.name === "NotAllowedError" || error.name === "AbortError";
      tell(error.answered || (quiet ? button.dataset.brokenOff : button.dataset.failed));
      button.disabled = false;
    }
  }

  const button = document.getElementById("log-in") || document.getElementById("enrol");
  if (!window.PublicKeyCredential) {
    button.disabled = true;
    tell(button.dataset.none);
  } else if (button.id === "log-in") {
    button.addEventListener("click", () => pressed(button, async () => {
      const options = await post("/log-in/options", {});
      return (await post("/log-in", { credential: await prove(options), next: button.dataset.next })).next;
    }));
  } else {
    // The secret stands in the fragment, which no server is sent; nor shall it stay in the history.
    const [, name, secret] = /^#(.+)\.([^.]+)$/.exec(location.hash) || [];
    history.replaceState(null, "", location.pathname);
    if (!name) {
      tell(button.dataset.noLink);
    } else {
      document.getElementById("name").textContent = name;
      document.getElementById("for").hidden = false;
      button.disabled = false;
      button.addEventListener("click", () => pressed(button, async () => {
        const options = await post("/enrol/options", { name, secret });
        return (await post("/enrol", { name, secret, credential: await create(options) })).next;
      }));
    }
  }
})();
