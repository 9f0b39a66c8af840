// Compiles programs against the package's declarations.
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
const typesDir = path.join(root, '__test__/api/types');

/** Reads `types/tsconfig.json`, whose options suit the reference's types, which are in JavaScript. */
export const readConfig = () => {
  const file = path.join(typesDir, 'tsconfig.json');
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile);
  if (error) throw Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
  return ts.parseJsonConfigFileContent(config, ts.sys, typesDir);
};

/** The options for a program that does not use the reference. */
export const callerOptions = options => ({ ...options, allowJs: false, maxNodeModuleJsDepth: 0 });

/** Compiles files. Returns the compiler's errors about this project's files. */
export const compile = (fileNames, options) => {
  const program = ts.createProgram(fileNames, options);
  const ours = program.getSourceFiles().filter(({ fileName }) => !fileName.includes('/node_modules/'));
  return [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...ours.flatMap(file => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ].map(({ file, start, messageText }) => {
    const line = file ? file.getLineAndCharacterOfPosition(start ?? 0).line + 1 : 0;
    const where = file ? `${path.relative(root, file.fileName)}:${line}` : 'options';
    return `${where}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
};
