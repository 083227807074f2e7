/**
 * `procura/agent/langchain`: the tools of LangChain within the authority of an agent.
 *
 * @module
 */

export { type LangchainMiddleware, langchainMiddleware, langchainTools } from '../../agent/frameworks/langchain.ts'
