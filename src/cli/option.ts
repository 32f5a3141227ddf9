/** An option of a subcommand, as help, parser and documents have it. */
export type OptionSpec = {
  /** As commander takes them: `-w, --watch <path[=action]>`. */
  readonly flags: string;
  /** The long name without its dashes. */
  readonly name: string;
  readonly group: OptionGroup;
  /** Shown in the help; the text of `default` is taken as if it had been given. */
  readonly default?: string;
  readonly description: string;
  readonly repeatable: boolean;
};

export type OptionGroup = 'Watching' | 'Reloading' | 'Child' | 'Operating';
