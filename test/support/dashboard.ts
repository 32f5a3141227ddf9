import type { Dashboard } from '@grafana/schema';

/** What JSON has in the place of a type of Grafana's: the words of an enumeration as they are. */
type Written<Type> = Type extends string
  ? Type | `${Type}`
  : Type extends number | boolean | null | undefined
    ? Type
    : Type extends readonly (infer Item)[]
      ? readonly Written<Item>[]
      : { readonly [Name in keyof Type]: Written<Type[Name]> };

/** A dashboard of Grafana, as its JSON has it. */
export type WrittenDashboard = Written<Dashboard>;
