/** A registry that has the packages of this checkout, and sends whoever asks for others elsewhere. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { bindings, main, type Packed } from "./packages.mjs";

const packages = new Map([main, ...bindings].map((packed) => [packed.manifest.name, packed]));

export interface Registry {
  url: string;
  close(): Promise<void>;
}

/** Starts it, on loopback. */
export async function startRegistry(): Promise<Registry> {
  const elsewhere = configuredRegistry();
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1);
    const [name = "", fileName] = path.split("/-/");
    const packed = packages.get(name);
    if (packed === undefined) {
      response.writeHead(302, { location: new URL(request.url ?? "/", elsewhere).href }).end();
    } else if (fileName === undefined) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(packument(packed, addressOf(server))));
    } else {
      response.setHeader("content-type", "application/octet-stream");
      response.end(packed.tarball);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: addressOf(server),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md */
function packument({ manifest, fileName, integrity }: Packed, url: string): object {
  const { name, version } = manifest;
  const dist = { tarball: `${url}${name}/-/${fileName}`, integrity };
  return {
    name,
    "dist-tags": { latest: version },
    // Long ago: package managers may wait some days before they take what is new.
    time: { [version]: "2020-01-01T00:00:00.000Z" },
    versions: { [version]: { ...manifest, dist } },
  };
}

function configuredRegistry(): string {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  return execFileSync(npm, ["config", "get", "registry"], {
    encoding: "utf8",
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}
