require("./cases.cjs")("three");
