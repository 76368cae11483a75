// The tools are hundreds of packages, which take a minute to install.
export default { files: ["build/test/packaging/tools/*.spec.mjs"], timeout: "10m", concurrency: 1 };
