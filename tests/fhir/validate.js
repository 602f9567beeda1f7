// Validates the FHIR resource on standard input; prints what is wrong, and ends with 1 if it is.
const fs = require("fs");
const { Fhir } = require("fhir");

const resource = JSON.parse(fs.readFileSync(0, "utf8"));
const { valid, messages } = new Fhir().validate(resource, { errorOnUnexpected: true });
const errors = messages.filter((each) => each.severity === "error" || each.severity === "fatal");
errors.forEach((each) => console.log(`${each.resourceId} ${each.location}: ${each.message}`));
process.exit(valid && errors.length === 0 ? 0 : 1);
