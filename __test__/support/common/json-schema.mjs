// Validates the JSON that commands print against the schemas that `swing-store schema` prints.
import Ajv from 'ajv/dist/2020.js';

/** Fields that the schema does not describe are errors here: a schema for users allows those of later versions. */
const closed = schema => {
  for (const one of [...schema.anyOf, ...Object.values(schema.$defs)]) {
    if (!one.$ref) one.unevaluatedProperties = false;
  }
  return schema;
};

/** Makes a function that throws unless the schema of a command describes a document. `runCli` prints the schemas. */
export const makeDocumentCheck = runCli => {
  const validators = new Map();
  const compile = async command => {
    const { code, stdout, stderr } = await runCli(['schema', command]);
    if (code !== 0) throw Error(`schema ${command} ends with ${code}: ${stderr}`);
    return new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(closed(JSON.parse(stdout)));
  };
  return async (command, document) => {
    if (!validators.has(command)) validators.set(command, compile(command));
    const validate = await validators.get(command);
    if (validate(document)) return;
    const problems = validate.errors.map(({ instancePath, message, params }) =>
      [instancePath, message, JSON.stringify(params)].join(' '),
    );
    throw Error(`the schema of ${command} does not describe ${JSON.stringify(document)}:\n${problems.join('\n')}`);
  };
};
