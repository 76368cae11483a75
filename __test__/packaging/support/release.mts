/** A server that has the assets of a release, in the states that a download may find them in. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { main, root, triple } from "./packages.mjs";

const { version } = main.manifest;

/** What a release's asset for this platform is called. */
export const asset = `latchdb-v${version}-napi-v8-${assetPlatform()}.tar.gz`;

/** The name of the binary in it. */
export const binaryName = `latchdb.${triple}.node`;

/** How an asset is answered. */
export type Answer = (response: ServerResponse) => void;

export interface Release {
  /** What `--host` is given. */
  host: string;
  /** Which paths were asked for. */
  asked: string[];
  /** What the asset is from now on. */
  answerWith(answer: Answer): void;
}

/** Starts the server, on loopback; the end of the test ends it. */
export async function startRelease(t: ExecutionContext, first: Answer): Promise<Release> {
  let answer = first;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url === `/v${version}/${asset}`) answer(response);
    else notFound(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: `http://127.0.0.1:${port}`,
    asked,
    answerWith: (next) => {
      answer = next;
    },
  };
}

/** An archive with the binary that was built here, or with something else under its name. */
export function archive(directory: string, contents?: string): Buffer {
  const folder = join(directory, `../asset-${contents ?? "whole"}`);
  mkdirSync(folder, { recursive: true });
  if (contents === undefined) copyFileSync(join(root, binaryName), join(folder, binaryName));
  else writeFileSync(join(folder, binaryName), contents);
  const path = `${folder}.tar.gz`;
  execFileSync("tar", ["-czf", basename(path), "-C", basename(folder), binaryName], {
    cwd: dirname(path),
  });
  return readFileSync(path);
}

/** The archive, to its end. */
export function whole(data: Buffer): Answer {
  return (response) => response.end(data);
}

/** The first half, as if that were all. */
export function half(data: Buffer): Answer {
  return (response) => response.end(data.subarray(0, data.length / 2));
}

/** The first half, and then the connection breaks. */
export function broken(data: Buffer): Answer {
  return (response) => {
    response.setHeader("content-length", data.length);
    response.write(data.subarray(0, data.length / 2), () => response.destroy());
  };
}

export const notFound: Answer = (response) => {
  response.writeHead(404).end();
};

/** https://github.com/prebuild/prebuild-install: `{platform}{libc}-{arch}`, and no libc for glibc. */
function assetPlatform(): string {
  const libc = triple.endsWith("musl") ? "musl" : "";
  return `${process.platform}${libc}-${process.arch}`;
}
