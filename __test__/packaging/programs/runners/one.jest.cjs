require("./cases.cjs")("one");
