import { quote } from '../../../support/quote.ts'
import type { Chain, ResourceArgument } from '../chain.ts'
import type { Steps } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, Settings } from '../settings.ts'

/**
 * AUT-21: the argument in which a format puts the resource of a call must, in calls of all formats, name a resource of
 * the subject. The format that set the argument itself has checked it. Checked late, because it can be a look-up.
 */
export function* checkResource(
  chain: Chain,
  resources: readonly ResourceArgument[],
  settings: Settings,
  call: CallOptions,
): Steps<Refusal | undefined> {
  const { args, subject } = chain.invocation.fields
  for (const resourceArgument of resources) {
    if (resourceArgument === chain.resourceArgument) continue
    const { name } = resourceArgument
    const value = Object.hasOwn(args, name) ? args[name] : undefined
    if (value === undefined) continue
    const owner = yield* resourceArgument.ownerOf(value, settings, call)
    if (owner === subject) continue
    return {
      code: 'arguments_invalid',
      // The caller does not learn who owns it.
      message: `the argument ${quote(name)} must name a resource that the subject owns`,
      at: chain.links.length,
      requirement: 'AUT-21',
      detail: { kind: 'argument', argument: name, problem: 'invalid' },
    }
  }
  return undefined
}
