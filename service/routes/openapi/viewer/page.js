// Draws the page of the API. Whatever it asks for comes from where the page itself comes from, behind a path prefix
// too; so "try it" speaks to this server, also where the document names another address in `servers`.
const root = new URL(".", location.href);
const dark = matchMedia("(prefers-color-scheme: dark)");

function colour() {
    document.documentElement.classList.toggle("dark-mode", dark.matches);
}

async function draw() {
    const answer = await fetch(new URL("docs/openapi.json", root));
    const spec = await answer.json();
    spec.servers = [{ url: root.href.slice(0, -1), description: "this server" }];
    SwaggerUIBundle({
        spec,
        dom_id: "#page",
        deepLinking: true,
        defaultModelsExpandDepth: 0,
        displayRequestDuration: true,
        validatorUrl: null, // else a picture from validator.swagger.io
    });
}

colour();
dark.addEventListener("change", colour);
draw();
