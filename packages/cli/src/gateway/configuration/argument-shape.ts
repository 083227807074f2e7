import { argumentTypeNames } from '../../support/argument-type-names.ts'
import type { ObjectShape, StringShape } from './shape.ts'

const argument: StringShape = { kind: 'string', noun: 'the name of an argument' }

/** The rules of a server for the arguments of its tools. */
export const argumentRules: ObjectShape['fields'] = {
  types: {
    shape: {
      kind: 'table',
      namePattern: '^.{1,128}$',
      checkName: (name) => (/^.{1,128}$/su.test(name) ? undefined : 'must be the name of an argument'),
      value: { kind: 'string', noun: 'a string', choices: argumentTypeNames },
    },
    about:
      'the argument types of its tools, by the name of the argument: { "to": "email" }; each is one value of the type or a list of them, in one spelling',
    optional: true,
  },
  paths: {
    shape: { kind: 'list', item: argument, least: 1 },
    about: 'short for the type "path" in `types`: the arguments of its tools that are paths of files, or lists of them',
    optional: true,
  },
  only: {
    shape: {
      kind: 'table',
      namePattern: '^.{1,128}$',
      checkName: (name) => (/^.{1,128}$/su.test(name) ? undefined : 'must be the name of a tool, or *'),
      value: { kind: 'list', item: argument, least: 0 },
    },
    about:
      'the only arguments of a call, by the name of the tool: { "send": ["to", "subject", "body"] }; * is every tool without a list of its own',
    optional: true,
  },
  show: {
    shape: {
      kind: 'table',
      namePattern: '^.{1,128}$',
      checkName: (name) => (/^.{1,128}$/su.test(name) ? undefined : 'must be the name of a tool, or *'),
      value: { kind: 'list', item: argument, least: 0 },
    },
    about:
      'the arguments of a call that the log has in clear, by the name of the tool: { "send": ["to"] }; * is every tool; no secret',
    optional: true,
  },
}

/** The fault of rules that contradict each other. */
export function wrongArgumentRules(types: unknown, paths: unknown): string | undefined {
  const stray = (Array.isArray(paths) ? paths : []).find(
    (name: string) => Object.hasOwn(Object(types), name) && Object(types)[name] !== 'path',
  )
  return stray === undefined
    ? undefined
    : 'has an argument in `paths` that has another type in `types`; remove one of them'
}
