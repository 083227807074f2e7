import type { Policy, Statement } from 'procura/policy'
import { readPolicyTexts } from './policy-text.ts'

/** The texts of `--policy` that make a policy again; undefined for one that they cannot express. */
export function policyTexts(policy: Policy): readonly string[] | undefined {
  try {
    const texts = policy.map(textOf)
    return JSON.stringify(readPolicyTexts(texts)) === JSON.stringify(policy) ? texts : undefined
  } catch {
    return undefined
  }
}

function textOf(statement: Statement): string {
  switch (statement[0]) {
    case 'and':
    case 'or':
      return `(${statement[1].map(textOf).join(` ${statement[0]} `)})`
    case 'not':
      return `not ${textOf(statement[1])}`
    case 'all':
    case 'any':
      return `${statement[0] === 'all' ? 'every' : 'some'} ${statement[1]} (${textOf(statement[2])})`
    default:
      return `${statement[1]} ${statement[0]} ${JSON.stringify(statement[2])}`
  }
}
