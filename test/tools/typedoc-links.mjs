// node only: a plug-in of the documentation generator

/**
 * `@throws {@link Name}` is read by the compiler as a type, so that the generator gets no symbol and looks for the name
 * beside the function alone. This looks for it among all documented exports: the error classes are an entry of their own.
 *
 * @param {import('typedoc').Application} app
 */
export function load(app) {
  app.converter.addUnknownSymbolResolver((reference, from) => {
    const path = reference.symbolReference?.path
    if (reference.moduleSource !== undefined || path?.length !== 1) return undefined
    const [{ path: name }] = path
    const documented = (from.project.children ?? []).flatMap((module) => module.children ?? [])
    const target = documented.find((child) => child.name === name && !child.isReference())
    return target && { target, caption: name }
  })
}
