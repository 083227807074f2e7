/**
 * Readers of requests for approvals, and of their answers.
 *
 * @module
 */

import { describeApprovalRequest } from '../../../src/approval/describe-request.ts'
import { readApprovalAnswer } from '../../../src/approval/read-answer.ts'
import { type RequestReading, readApprovalRequest } from '../../../src/approval/read-request.ts'
import { requestApproval } from '../../../src/approval/request-approval.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import { actor, clock } from '../../support/actors.ts'
import { audience, hostileContainer } from '../containers.ts'
import { mutateBytes } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

const agent = await actor('agent')
const invocation = await invoke({ issuer: agent, audience, command: '/mail/send', args: { to: 'bob' }, clock })
const request = await requestApproval({ approvable: true }, { issuer: agent, approver: audience, invocation, clock })

/** A hostile container, or a request in order with bytes changed. */
async function hostileRequest(random: Random): Promise<string | Uint8Array> {
  if (random.once(2)) return hostileContainer(random)
  return mutateBytes(Buffer.from(request.container), random)
}

/** Every line of a valid request can be shown. */
function wrongReading(reading: RequestReading): string | undefined {
  if (!reading.valid) return reading.denial.code === 'internal_error' ? 'refused with internal_error' : undefined
  const { lines } = describeApprovalRequest(reading.request, { clock })
  return lines.find((line) => /[\p{Cc}\p{Cf}]/u.test(line))
}

/** Readers of approvals. */
export const approvalReaders: readonly Reader[] = [
  reader({
    of: 'approval readApprovalRequest',
    input: hostileRequest,
    read: (container) => readApprovalRequest(container, { approver: audience, clock }),
    errors: [],
    wrong: wrongReading,
  }),
  reader({
    of: 'approval readApprovalAnswer',
    input: hostileRequest,
    read: (container) => readApprovalAnswer(container, { request, clock }),
    errors: [],
  }),
]
