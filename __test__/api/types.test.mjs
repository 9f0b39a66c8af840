/**
 * Compiles the programs in `types/` against the package's declarations, and checks that the declarations are complete.
 * Does not run the store.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'ava';
import ts from 'typescript';
import { callerOptions, compile, readConfig, root } from '../support/common/typescript.mjs';

const { options, fileNames } = readConfig();

test("the declarations match the reference's, and callers compile in strict mode", t => {
  t.deepEqual(fileNames.map(name => path.basename(name)).sort(), [
    'caller.cts',
    'caller.mts',
    'reference.mts',
    'refused.mts',
  ]);
  t.deepEqual(compile(fileNames, options), []);
});

// What a caller compiles must not hang on the options of the test above.
const callers = fileNames.filter(name => /caller\.[cm]ts$/.test(name));
const alone = callerOptions(options);
const { ModuleKind, ModuleResolutionKind } = ts;
for (const [title, more] of [
  ['every strictness there is', { exactOptionalPropertyTypes: true, noPropertyAccessFromIndexSignature: true }],
  ['module node16', { module: ModuleKind.Node16, moduleResolution: ModuleResolutionKind.Node16 }],
  ['a bundler', { module: ModuleKind.Preserve, moduleResolution: ModuleResolutionKind.Bundler }],
]) {
  test(`callers compile with ${title}`, t => {
    t.deepEqual(compile(callers, { ...alone, ...more }), []);
  });
}

/** The package's exports as the compiler sees them. */
const declaredExports = () => {
  const program = ts.createProgram([path.join(root, 'index.d.ts')], alone);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(path.join(root, 'index.d.ts'));
  return { checker, source, exports: checker.getExportsOfModule(checker.getSymbolAtLocation(source)) };
};

test('everything that is declared has a comment', t => {
  const { checker, source } = declaredExports();
  const bare = [];
  /** Exports, and what is named inside them; parameters are their function's business. */
  const visit = (node, within) => {
    const named =
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isVariableDeclaration(node) ||
      ((ts.isPropertySignature(node) || ts.isMethodSignature(node)) && within.length === 1);
    const name = named && node.name.getText();
    if (named) {
      const symbol = checker.getSymbolAtLocation(node.name);
      if (symbol.getDocumentationComment(checker).length === 0) bare.push([...within, name].join('.'));
    }
    ts.forEachChild(node, child => visit(child, named ? [...within, name] : within));
  };
  visit(source, []);
  t.deepEqual(bare, []);
});

test('the declarations contain no implicit any', t => {
  const { source } = declaredExports();
  const loose = [];
  const visit = node => {
    // As a bound on functions in general (`(...params: any[]) => unknown`) it is the way to write it.
    if (ts.isTypeParameterDeclaration(node)) return;
    if (node.kind === ts.SyntaxKind.AnyKeyword) loose.push(source.getLineAndCharacterOfPosition(node.pos).line + 1);
    ts.forEachChild(node, visit);
  };
  visit(source);
  t.deepEqual(loose, []);
});

test('the package exports exactly what is declared', async t => {
  const { exports } = declaredExports();
  const declared = exports
    .filter(({ flags }) => flags & ts.SymbolFlags.Value)
    .map(({ name }) => name)
    .sort();
  const required = createRequire(import.meta.url)('swing-store-native');
  t.deepEqual(Object.keys(required).sort(), declared);
  const { default: _, ...imported } = await import('swing-store-native');
  t.deepEqual(
    Object.keys(imported)
      .filter(name => name !== 'module.exports')
      .sort(),
    declared,
  );
});
