require("./cases.cjs")("two");
