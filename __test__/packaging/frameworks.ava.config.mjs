// What programs/ have of frameworks, which takes minutes to install: `npm run test:packages` alone.
export default { files: ["build/test/packaging/frameworks.spec.mjs"], timeout: "10m" };
