// Installing takes seconds, a build from source a minute, while nothing is heard of it.
export default {
  files: ["build/test/packaging/*.spec.mjs", "!build/test/packaging/frameworks.spec.mjs"],
  timeout: "10m",
};
