import { parseDuration } from '../../../core/text/duration.ts';
import { type ApiWorkload, timeOf } from './api.ts';
import { type Annotations, type Choice, candidatesOf, choiceOf } from './choice.ts';
import { toolThatWrote } from './gitops.ts';
import { isOurs } from './owned.ts';
import { type Reference, referencesOf } from './references.ts';
import { type PlanSettings, STRATEGIES, type Strategy, VERIFY } from './settings.ts';
import { CONFIG_DIGEST, HISTORY, parseHistory, parseState, RESUMED_AT, STATE, type State } from './state.ts';

export const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

/** What is kept of a workload that takes part. */
export type Workload = {
  /** `Deployment/NAMESPACE/NAME`. */
  readonly key: string;
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The controller of its kind has seen what it is now. */
  readonly isObserved: boolean;
  readonly isEnding: boolean;
  /** Pods that it should have, and that are available. */
  readonly wanted: number;
  readonly available: number;
  /** Why a new template is not rolled out by itself. */
  readonly held: 'paused' | 'OnDelete' | 'partitioned' | undefined;
  readonly choice: Choice;
  /** What its template refers to. */
  readonly references: readonly Reference[];
  /** What may count, by names and the template; {@link Choice.patterns} may add to it. */
  readonly candidates: readonly Reference[];
  readonly state: State | undefined;
  /** Whether the state is there, but somebody else put it there. */
  readonly isForeign: boolean;
  /** The GitOps tool that wrote the state: what its manifests have, or what it had read before our last write. */
  readonly stateTool: string | undefined;
  /** What is known of it is gone from the workload, and remembered. */
  readonly isLost?: boolean | undefined;
  readonly history: readonly string[];
  /** The digest in the template, and whether it is ours. */
  readonly template: string | undefined;
  readonly ownsTemplate: boolean;
  /** The GitOps tool that put another digest there: its manifests have one. */
  readonly templateTool: string | undefined;
  /** When somebody asked to go on after a failure. */
  readonly resumedAt: number;
  readonly strategy: Strategy;
  readonly settle: number;
  readonly verify: number;
  readonly deadline: number;
  /** No roll-out begins so soon after the one before, ms. */
  readonly pause: number;
  /** Annotations that can't be understood, as a line for people. */
  readonly mistakes: readonly string[];
};

const IN_TEMPLATE = ['spec', 'template', 'metadata', 'annotations', CONFIG_DIGEST];

/** The least of a Deployment's own limit that is taken for one. */
const SECOND = 1000;

/** What is kept of a workload; undefined if it takes no part. */
export function workloadOf(
  kind: WorkloadKind,
  object: ApiWorkload,
  settings: PlanSettings,
): Workload | undefined {
  const { metadata = {}, spec = {}, status = {} } = object;
  const { name = '', namespace = '', annotations = {}, managedFields } = metadata;
  const template = spec.template ?? {};
  const choice = choiceOf(annotations, template.metadata?.annotations ?? {}, settings.reloadAll);
  if (choice === undefined) return undefined;
  const references = referencesOf(template.spec).filter(
    (reference) => settings.secrets || !reference.name.startsWith('secret/'),
  );
  const mistakes: string[] = [];
  const duration = (annotation: string, otherwise: number): number => {
    const text = annotations[annotation]?.trim();
    if (text === undefined || text === '') return otherwise;
    const parsed = parseDuration(text);
    if (parsed.ok) return parsed.value;
    mistakes.push(`${annotation} ${text}: ${parsed.error}`);
    return otherwise;
  };
  const minReady = (spec.minReadySeconds ?? 0) * SECOND;
  const progress = kind === 'Deployment' ? (spec.progressDeadlineSeconds ?? Infinity) * SECOND : Infinity;
  const isDaemon = kind === 'DaemonSet';
  const hasState = annotations[STATE] !== undefined;
  const ownsState = isOurs(managedFields, 'metadata', 'annotations', STATE);
  const ownsTemplate = isOurs(managedFields, ...IN_TEMPLATE);
  return {
    key: `${kind}/${namespace}/${name}`,
    ...{ kind, namespace, name, choice, references },
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    isObserved: (status.observedGeneration ?? 0) >= (metadata.generation ?? 0),
    isEnding: metadata.deletionTimestamp !== undefined,
    wanted: isDaemon ? (status.desiredNumberScheduled ?? 0) : (spec.replicas ?? 1),
    available: isDaemon ? (status.numberAvailable ?? 0) : (status.availableReplicas ?? 0),
    held: heldOf(kind, spec),
    candidates: candidatesOf(choice, references).filter(
      (reference) => settings.secrets || !reference.name.startsWith('secret/'),
    ),
    state: parseState(annotations[STATE]),
    isForeign: hasState && !ownsState,
    stateTool: ownsState ? undefined : toolThatWrote(managedFields, 'metadata', 'annotations', STATE),
    history: parseHistory(annotations[HISTORY]),
    template: template.metadata?.annotations?.[CONFIG_DIGEST],
    ownsTemplate,
    templateTool: ownsTemplate ? undefined : toolThatWrote(managedFields, ...IN_TEMPLATE),
    resumedAt: timeOf(annotations[RESUMED_AT]),
    strategy: strategyOf(annotations, settings.strategy, mistakes),
    settle: duration('rehup.dev/settle', settings.settle),
    verify: Math.max(duration('rehup.dev/verify', VERIFY), minReady),
    deadline: Math.min(duration('rehup.dev/deadline', settings.deadline), progress),
    pause: kind === 'Deployment' ? duration('deployment.reloader.stakater.com/pause-period', 0) : 0,
    mistakes,
  };
}

function heldOf(kind: WorkloadKind, spec: NonNullable<ApiWorkload['spec']>): Workload['held'] {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (kind === 'Deployment') return spec.paused === true ? 'paused' : undefined;
  if (type === 'OnDelete') return 'OnDelete';
  return (rollingUpdate?.partition ?? 0) > 0 ? 'partitioned' : undefined;
}

function strategyOf(annotations: Annotations, otherwise: Strategy, mistakes: string[]): Strategy {
  const text = annotations['rehup.dev/strategy']?.trim();
  if (text === undefined || text === '') return otherwise;
  const strategy = STRATEGIES.find((one) => one === text);
  if (strategy === undefined) mistakes.push(`rehup.dev/strategy ${text}: not one; use template or evict`);
  return strategy ?? otherwise;
}
