/**
 * The header by which a service marks its answers to calls, so that no answer of somebody else, such as its upstream or
 * a server in front of it, is taken for one: `refused` (nothing was released to a handler), `executed` (the response is
 * the result) or `failed` (the handler failed, and the call may have had a part of its effect). HTP-49
 */
export const answerHeader = 'procura-answer'

/** A value of {@link answerHeader}. */
export type AnswerMark = 'refused' | 'executed' | 'failed'
