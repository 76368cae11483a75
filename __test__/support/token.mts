/** Tokens as a server with a key checks them (https://datatracker.ietf.org/doc/html/rfc7519). */
import { sign, type KeyObject } from "node:crypto";

/** A token that is good for a time, in seconds from now. */
export function newToken(privateKey: KeyObject, seconds: number): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = `${encode({ alg: "EdDSA", typ: "JWT" })}.${encode({ exp, a: "rw" })}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
}
