/** Errors for options that a server cannot keep. */
import { LibsqlError } from "@libsql/core/api";
import { Failure } from "../client/failure";

/** For an option whose promise only a local client can keep. */
export function noOption(name: string): Failure {
  return notSupported(
    `${name} is not supported by remote clients: the server opens the database. Remove ${name}`,
  );
}

/** For rows by the tables of their columns. */
export function noTables(): Failure {
  return notSupported(
    'rowMode: "expand" is not supported by remote clients: a server does not say from which table a column is. ' +
      "Use another rowMode, and AS for columns with one name",
  );
}

/** For a limit of the time of one statement of a batch. */
export function noTimeoutInBatch(): Failure {
  return notSupported(
    "queryTimeout of a statement in a batch is not supported by remote clients: the server answers a batch as a " +
      "whole. Give it to batch()",
  );
}

function notSupported(text: string): Failure {
  return new Failure(() => new LibsqlError(text, "OPTION_NOT_SUPPORTED"));
}
