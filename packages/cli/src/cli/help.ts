import type { Verb, VerbOption } from './verb.ts'

const width = 28

/** The help of the whole program: a line for each verb. */
export function helpOf(verbs: readonly Verb[]): readonly string[] {
  return [
    'procura: authority, credentials and audit logs on the command line',
    '',
    ...verbs.map((verb) => row(`procura ${callOf(verb)}`, verb.about, 36)),
    '',
    '  procura help VERB               explain a verb, with its options and an example',
    '  procura --version               print the version',
    '',
    'Exit codes: 0 yes, or done; 1 no: a negative answer, such as a refused call or a modified log; 2 an invalid command',
    'line, or a failure.',
    'Data goes to standard output, everything else to standard error. Keys and tokens come from files or standard input,',
    'never from the command line.',
  ]
}

/**
 * The help of one verb.
 *
 * @param verbs - all verbs, among which those below this one are named.
 */
export function helpOfVerb(verb: Verb, verbs: readonly Verb[]): readonly string[] {
  const exits = verb.negative === undefined ? '0 done' : `0 yes; 1 no: ${verb.negative}`
  return [
    `procura ${callOf(verb)}: ${verb.about}`,
    '',
    ...verb.options.map((option) => row(`--${labelOf(option)}`, aboutOf(option), width)),
    ...(verb.options.length > 0 ? [''] : []),
    ...verbs.filter(({ name }) => name.startsWith(`${verb.name} `)).map(({ name }) => `See also: procura help ${name}`),
    `Example: ${verb.example}`,
    `Exit codes: ${exits}; 2 an invalid command line, or a failure.`,
  ]
}

function callOf({ name, operands }: Verb): string {
  return operands === '' ? name : `${name} ${operands}`
}

function labelOf({ name, value }: VerbOption): string {
  return value === undefined ? name : `${name} ${value}`
}

function aboutOf({ about, many, choices }: VerbOption): string {
  const listed = choices === undefined ? '' : `: ${choices.join(', ')}`
  return `${about}${listed}${many === true ? '; repeatable' : ''}`
}

function row(label: string, about: string, column: number): string {
  return `  ${label.padEnd(column)}  ${about}`
}
