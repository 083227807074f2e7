// node only: a plug-in of the documentation generator

import { Converter } from 'typedoc'

/** Groups of pages by folder, the first that fits. */
const groups = [
  ['spec/guides/', 'Guides'],
  ['spec/decisions/', 'Decisions'],
  ['spec/', 'Specification'],
  ['', 'Project'],
]

/**
 * Names modules by their import path, and pages by their heading, in groups.
 *
 * Also finds the targets of `@throws {@link Name}`. The compiler reads the name as a type, so that the generator gets no
 * symbol and looks for the name beside the function alone. This looks for it among all documented exports: the error
 * classes are an entry of their own.
 *
 * @param {import('typedoc').Application} app
 */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(2 /* Module */)) {
      module.name = module.name === 'index' ? 'procura' : `procura/${module.name}`
    }
  })
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, page) => {
    const path = String(page.project.files.getReflectionPath(page)).replace(/^.*?\/(?=(?:spec|examples)\/|[^/]+$)/, '')
    const [first] = page.content
    const [, heading] = /^# (.+)$/m.exec(first?.text ?? '') ?? []
    if (heading !== undefined) page.name = heading.replaceAll('`', '')
    page.frontmatter.group = groups.find(([folder]) => path.startsWith(folder))?.[1]
  })
  app.converter.addUnknownSymbolResolver((reference, from) => {
    const path = reference.symbolReference?.path
    if (reference.moduleSource !== undefined || path?.length !== 1) return undefined
    const [{ path: name }] = path
    const documented = (from.project.children ?? []).flatMap((module) => module.children ?? [])
    const target = documented.find((child) => child.name === name && !child.isReference())
    return target && { target, caption: name }
  })
}
