// Deliberate differences from the reference. Each has a name and a reason, and tests assert our behaviour under that name.
// Random sequences avoid these cases; all other behaviour must be the same.

export const knownDifferences = {
  snapshotStreamFails: `a snapshot stream that throws ends the reference's process with an uncaught exception; ours rejects and leaves the store as before`,
  snapshotStreamNotBytes: `a snapshot stream that yields something that is not bytes does the same`,
  snapshotCorrupt: `loading a snapshot whose stored bytes are no gzip data ends the reference's process; ours rejects`,
  importStreamFails: `an artifact that fails half-way through ends the importing reference's process, or leaves it waiting; ours rejects`,
  itemNotString: `addItem with an item that is not a string leaves a row behind there and then throws the hash's error; ours throws first and writes nothing`,
  itemEndsInWhiteSpace: `an item that ends in white space fails the reference's own import, which trims lines; ours takes off the one newline`,
  writeDuringReadSpan: `a write while a readSpan iterator is open throws there; ours lets it through, and the iterator yields the span as it was`,
  closeDuringIteration: `closing an exporter while one of its iterators is open throws there; ours ends the iterator, whose next step fails`,
  loadSnapshotLeftEarly: `leaving a loadSnapshot loop early rejects with a hash mismatch there; ours ends quietly`,
  whiteSpaceAdded: `for the same reason it accepts an artifact to whose lines white space was added; ours refuses it by its hash`,
  archiverForgotten: `a rollover that fails after it has called archiveTranscript forgets the promise of that call there, so that when it is rejected nobody handles that; ours does`,
  archiverThrows: `when archiveTranscript throws instead of returning a promise, or can't be given a span whose items are missing, the vat is left without a current span there; ours changes nothing`,
  failedCallLeavesSteps: `a call that is refused at its second step, as the rollover of an empty span is, leaves what the first has written there; ours undoes it`,
  spanArtifactFails: `a span artifact that fails its check leaves its items in the open transaction there; ours takes them out`,
  failedImportLeavesFile: `an import that fails leaves a file behind that opens as a store there; ours removes it`,
  dumpOfPrunedBundle: `debug.dump throws there where a bundle has no contents; ours has null for it`,
  failedExporterLocks: `makeSwingStoreExporter on what is no store throws and leaves the file open and locked there, so that opening it says "database is locked"; ours closes it`,
  replacedWhileInUse: `initSwingStore, or the import of a store, where one is open erases the file of that one there, which goes on without a name; ours refuses`,
  otherLibraryHasIt: `a file that another SQLite library of the process has open is opened there, and file locks are lost; ours refuses`,
  oldSchemaIsChanged: `a store of an older schema that has no log is put into WAL mode there before it is refused; ours leaves it as it is`,
  vatIDNotString: `a vatID that is not a string reaches the database there; ours refuses it`,
  vatIDHalfPair: `a vatID with half of a surrogate pair is stored as bytes that read back as another name, by which the reference then finds nothing: a replay export leaves its spans out; ours finds them`,
  snapPosNotWhole: `so does a snapPos that is not a whole number`,
  exportCallbackThrows: `what an exportCallback was given when it threw is forgotten there; ours gives it to it again`,
  recordOfWrongType: `an export record with a field of a type that no exporter writes, or in a repair without the field, is stored there, or fails in the words of a driver; ours refuses it`,
};

// Messages of a JavaScript engine about the reference's source code, or about invalid JSON. Ours must fail at the same
// point, with any message.
const looseMessages = [
  /^Cannot destructure property /,
  /^Cannot read properties of (undefined|null) /,
  / is not a function( or its return value is not (async )?iterable)?$/,
  / is not iterable$/,
];

export const isLoose = ({ constructor, message }) =>
  constructor === 'SyntaxError' || looseMessages.some(pattern => pattern.test(message));
