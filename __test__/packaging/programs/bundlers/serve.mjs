/** Runs a program in Vite's development server: node serve.mjs PROGRAM OPTIONS_OF_SSR. */
import { createServer } from "vite";

const [program, ssr] = process.argv.slice(2);
const server = await createServer({
  configFile: false,
  logLevel: "error",
  appType: "custom",
  server: { middlewareMode: true, ws: false, hmr: false, watch: null },
  optimizeDeps: { noDiscovery: true },
  ssr: JSON.parse(ssr),
});
const { done } = await server.ssrLoadModule(`/${program}`);
await done;
await server.close();
