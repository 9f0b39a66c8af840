// Deliberate differences from the reference. Each has a name and a reason, and tests assert our behaviour under that name.
// Random sequences avoid these cases; all other behaviour must be the same.

export const knownDifferences = {
  snapshotStreamFails: `a snapshot stream that throws ends the reference's process with an uncaught exception; ours rejects, and the store is unchanged`,
  snapshotStreamNotBytes: `the same happens if a snapshot stream yields something that is not bytes`,
  snapshotCorrupt: `loading a snapshot whose stored bytes are not gzip data ends the reference's process; ours rejects`,
  importStreamFails: `if an artifact fails half-way, the reference's import ends the process or waits forever; ours rejects`,
  itemNotString: `addItem with an item that is not a string stores a row in the reference, and then throws the hash's error; ours throws first and writes nothing`,
  itemEndsInWhiteSpace: `the reference cannot import an item that ends in white space, because it trims lines; ours removes only the newline`,
  writeDuringReadSpan: `a write while a readSpan iterator is open throws in the reference; ours permits it, and the iterator yields the unchanged span`,
  closeDuringIteration: `closing an exporter while one of its iterators is open throws in the reference; ours ends the iterator, whose next step fails`,
  loadSnapshotLeftEarly: `leaving a loadSnapshot loop early rejects with a hash mismatch in the reference; ours ends without an error`,
  whiteSpaceAdded: `the reference trims lines, so it accepts an artifact with additional white space at the ends of lines; ours rejects it by its hash`,
  archiverForgotten: `if a rollover fails after it called archiveTranscript, the reference drops the promise of that call, so its rejection is unhandled; ours handles it`,
  archiverThrows: `if archiveTranscript throws instead of returning a promise, or a span to archive lacks items, the reference leaves the vat without a current span; ours changes nothing`,
  failedCallLeavesSteps: `a call that fails at its second step, such as the rollover of an empty span, leaves the changes of its first step in the reference; ours undoes them`,
  spanArtifactFails: `a span artifact that fails its check leaves its items in the reference's open transaction; ours removes them`,
  failedImportLeavesFile: `a failed import of the reference leaves a file that opens as a store; ours removes it`,
  dumpOfPrunedBundle: `the reference's debug.dump throws if a bundle has no contents; ours returns null for it`,
  failedExporterLocks: `makeSwingStoreExporter for a directory without a store throws, and the reference keeps the file open and locked, so opening it says "database is locked"; ours closes it`,
  replacedWhileInUse: `the reference's initSwingStore, or an import, erases the file of a store that is open, which then continues with a deleted file; ours refuses`,
  otherLibraryHasIt: `the reference opens a file that another SQLite library of the process has open, so file locks are lost; ours refuses`,
  oldSchemaIsChanged: `the reference puts a store of an older schema that has no WAL into WAL mode before it rejects the store; ours leaves it unchanged`,
  vatIDNotString: `the reference passes a vatID that is not a string to the database; ours rejects it`,
  vatIDHalfPair: `the reference stores a vatID with a lone surrogate as bytes that read back as another name. It then finds nothing under that name: a replay export lacks the vat's spans; ours finds them`,
  snapPosNotWhole: `the reference passes a snapPos that is not an integer to the database; ours rejects it`,
  exportCallbackThrows: `if an exportCallback throws, the reference loses the changes that it received; ours passes them again`,
  recordOfWrongType: `the reference stores an export record with a field of a type that no exporter writes, and in a repair also one without the field, or fails with the driver's error; ours rejects it`,
};

// Messages of a JavaScript engine about the reference's source code, or about invalid JSON. Our package must fail at the
// same point, with any message.
const looseMessages = [
  /^Cannot destructure property /,
  /^Cannot read properties of (undefined|null) /,
  / is not a function( or its return value is not (async )?iterable)?$/,
  / is not iterable$/,
];

export const isLoose = ({ constructor, message }) =>
  constructor === 'SyntaxError' || looseMessages.some(pattern => pattern.test(message));
