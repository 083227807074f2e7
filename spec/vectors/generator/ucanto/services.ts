/**
 * The configuration of the service: its names, its commands, the owners of resources.
 *
 * @module
 */

import type { API } from '@ucanto/core'
import { textOf } from '../container.ts'
import { owner, planner, principal } from '../principals.ts'
import { delegation, invocation } from '../token.ts'
import type { CommandEntry, Context, Vector } from '../vector.ts'
import { allowed, refused } from './case.ts'
import { alice, ask, bob, carol, give, mail, mailWith, mallory, service } from './tokens.ts'

const send: CommandEntry = { command: '/mail/send', args: { to: 'text' } }
const edit: CommandEntry = { command: '/page/edit', args: { resource: 'text', text: 'text' } }
const page = 'https://pages.example/alice'
const theirPage = 'https://pages.example/owner'

/** Where pages are resources. */
const pages: Partial<Context> = {
  commands: [edit],
  formats: ['1.0.0', '0.9.1'],
  owners: { [page]: alice.did(), 'https://pages.example/bob': bob.did(), [theirPage]: owner.did },
}

const editing = (resource: string, nb: object): API.Capability =>
  ({ can: 'page/edit', with: resource, nb }) as API.Capability
const written = { resource: page, text: 'changed' }

/** All of them. */
export async function serviceVectors(): Promise<readonly Vector[]> {
  const byAlice = { invoker: alice.did() }
  return [
    await allowed('a subject that is served', 'SVC-02', {
      container: ask(alice),
      ...byAlice,
      context: { subjects: [carol.did(), alice.did()] },
    }),
    await allowed('a command that there is', 'SVC-03', {
      container: ask(alice, { capability: mailWith({ to: 'bob' }) }),
      ...byAlice,
      context: { commands: [send] },
    }),
    await allowed('no nonce, for a command that does no harm twice', 'UCT-29', {
      container: ask(alice, { nonce: '' }),
      ...byAlice,
      context: { commands: [{ command: '/mail/send', args: {}, idempotent: true }] },
    }),
    ...(await refused('subject-not-served', 'SVC-02', 'subject_not_accepted', {
      'the owner of something else': { container: ask(alice), at: 0, context: { subjects: [carol.did()] } },
    })),
    ...(await refused('command-unknown', 'SVC-03', 'command_unknown', {
      'another one': {
        container: ask(alice, { capability: { ...mail, can: 'mail/read' } }),
        at: 0,
        context: { commands: [send] },
      },
    })),
    ...(await refused('argument-undeclared', 'ARG-01', 'arguments_invalid', {
      'one more': {
        container: ask(alice, { capability: mailWith({ to: 'bob', bcc: 'eve' }) }),
        at: 0,
        context: { commands: [send] },
      },
    })),
    ...(await refused('audience', 'SVC-01', 'audience_mismatch', {
      'another service': { container: ask(alice), at: 0, context: { audience: carol.did() } },
    })),
    ...(await refused('nonce-too-short', 'UCT-29', 'nonce_too_short', {
      none: { container: ask(alice, { nonce: '' }) },
    })),
    ...(await refused('replayed', 'RPL-01', 'replayed', {
      'the same archive': { container: ask(alice), at: 0, context: { seen: [await ask(alice)] } },
    })),
    ...(await resources()),
  ]
}

async function resources(): Promise<readonly Vector[]> {
  const grant = await give({ can: 'page/*', with: bob.did() } as API.Capability, { issuer: bob, audience: mallory })
  const stranger = principal('stranger')
  const current = (by: typeof owner, resource: string): string =>
    textOf([
      invocation({ by, sub: by, aud: { did: service.did() }, cmd: '/page/edit', args: { resource, text: 'changed' } }),
    ])
  const link = delegation({ from: stranger, to: planner, sub: stranger, cmd: '/page' })
  const asDelegate = invocation({
    by: planner,
    sub: stranger,
    aud: { did: service.did() },
    cmd: '/page/edit',
    args: { resource: theirPage, text: 'changed' },
    prf: [link],
  })
  return [
    await allowed('over a resource by its owner', 'UCT-40', {
      container: ask(alice, { capability: editing(page, { text: 'changed' }) }),
      invoker: alice.did(),
      command: '/page/edit',
      context: pages,
    }),
    await allowed('over a resource by a delegate', 'UCT-40', {
      container: ask(bob, {
        proofs: [await give(editing(page, {}))],
        capability: editing(page, { text: 'changed' }),
      }),
      command: '/page/edit',
      context: { ...pages, subjects: [alice.did()] },
    }),
    ...(await refused('resource', 'UCT-33', 'root_not_subject', {
      'of somebody else': {
        container: ask(mallory, { capability: editing(page, { text: 'changed' }) }),
        context: pages,
      },
    })),
    ...(await refused('resource', 'UCT-40', 'subject_not_accepted', {
      'that nobody owns': {
        container: ask(alice, { capability: editing(`${page}/more`, { text: 'changed' }) }),
        context: pages,
      },
    })),
    ...(await refused('resource-written', 'UCT-64', 'malformed', {
      'over a DID of their own': {
        container: ask(mallory, { capability: editing(mallory.did(), written) }),
        context: pages,
      },
      'over a DID of their own, which is served': {
        container: ask(mallory, { capability: editing(mallory.did(), written) }),
        context: { ...pages, subjects: [alice.did(), bob.did(), mallory.did()] },
      },
      'as a delegate, over another subject that is served': {
        container: ask(mallory, { proofs: [grant], capability: editing(bob.did(), written) }),
        context: { ...pages, subjects: [alice.did(), bob.did()] },
      },
      'by the owner, over their own DID': {
        container: ask(alice, { capability: editing(alice.did(), written) }),
        context: pages,
      },
      'over the resource itself': { container: ask(alice, { capability: editing(page, written) }), context: pages },
    })),
    ...(await refused('resource-written', 'AUT-21', 'arguments_invalid', {
      'in 1.0.0, over a DID of their own': { container: current(stranger, theirPage), at: 0, context: pages },
      'in 1.0.0, as a delegate of another subject': {
        container: textOf([asDelegate, link]),
        at: 1,
        context: { ...pages, subjects: [owner.did, stranger.did] },
      },
      'in 1.0.0, a resource that nobody owns': {
        container: current(owner, `${theirPage}/more`),
        at: 0,
        context: pages,
      },
      'in 1.0.0, a DID': { container: current(owner, owner.did), at: 0, context: pages },
    })),
  ].concat([await inCurrent(current(owner, theirPage))])
}

/** The same argument in 1.0.0, for the owner. */
async function inCurrent(container: string): Promise<Vector> {
  const made = await allowed('in 1.0.0, over a resource of the subject', 'AUT-21', {
    container,
    subject: owner.did,
    invoker: owner.did,
    command: '/page/edit',
    context: pages,
  })
  return made.expected.allowed ? { ...made, expected: { ...made.expected, expiration: 1_800_000_060 } } : made
}
