/**
 * `procura/agent/mastra`: the tools of Mastra within the authority of an agent.
 *
 * @module
 */

export { type MastraHooks, mastraHooks, mastraTools } from '../../agent/frameworks/mastra.ts'
