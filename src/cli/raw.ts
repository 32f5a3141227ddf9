/** The values of one option. */
export type RawOption = {
  readonly values: readonly string[];
  /** What the user wrote them into: the option or its variable. */
  readonly source: string;
  /** False for a default. */
  readonly given: boolean;
};

export type RawOptions = ReadonlyMap<string, RawOption>;
