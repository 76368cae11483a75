// AVA calls v8.takeCoverage() at its end; Bun does not have it.
import v8 from "node:v8";

v8.takeCoverage = () => {};
