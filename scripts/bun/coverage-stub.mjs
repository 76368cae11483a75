// AVA calls this at its end, and Bun does not have it.
import v8 from "node:v8";

v8.takeCoverage = () => {};
