/** Converters: functions of the caller's that make values of columns, by the columns' declared types. */
import type { Value } from "@libsql/core/api";
import { describe } from "./describe";
import { Failure } from "./failure";

/** Makes a value of a column. Is not asked for NULL. */
type Converter = (value: Value) => unknown;

/** What a converter has thrown. It is the error of the call. */
export class ConverterFailure extends Failure {
  constructor(thrown: unknown, committed = false) {
    super(() => {
      if (committed && typeof thrown === "object" && thrown !== null) markCommitted(thrown);
      return thrown as Error;
    });
  }

  /** The same of a call whose changes are committed. */
  committed(): ConverterFailure {
    return new ConverterFailure(this.make(), true);
  }
}

function markCommitted(thrown: object): void {
  try {
    Object.assign(thrown, { committed: true });
  } catch {
    // A frozen error stays as it is.
  }
}

/** The converters of a client. */
export class Converters {
  readonly #byType: ReadonlyMap<string, Converter>;

  private constructor(byType: ReadonlyMap<string, Converter>) {
    this.#byType = byType;
  }

  /**
   * Parses the option. Takes what it has returned, too. Without a converter, there are none.
   * @throws TypeError
   */
  static parse(given: unknown): Converters | undefined {
    if (given === undefined || given === null || given instanceof Converters) {
      return given ?? undefined;
    }
    if (typeof given !== "object") {
      throw new TypeError(
        `converters must be an object of declared types and functions, got ${describe(given)}`,
      );
    }
    const byType = new Map<string, Converter>();
    for (const [type, convert] of Object.entries(given) as [string, unknown][]) {
      if (convert === undefined) continue;
      if (typeof convert !== "function") {
        throw new TypeError(
          `the converter for ${JSON.stringify(type)} must be a function, got ${describe(convert)}`,
        );
      }
      byType.set(type.toUpperCase(), failing(convert as Converter));
    }
    return byType.size === 0 ? undefined : new Converters(byType);
  }

  /** The converters of columns with these declared types; undefined if none has one. */
  of(declaredTypes: readonly string[]): (Converter | undefined)[] | undefined {
    const found = declaredTypes.map((type) => this.#byType.get(type.toUpperCase()));
    return found.some((convert) => convert !== undefined) ? found : undefined;
  }
}

/** The same converter, whose errors are known for its own. */
function failing(convert: Converter): Converter {
  return (value) => {
    try {
      return convert(value);
    } catch (thrown) {
      throw new ConverterFailure(thrown);
    }
  };
}
