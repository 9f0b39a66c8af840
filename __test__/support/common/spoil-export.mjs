// Ways to spoil an export. Each change is plain data, [name, ...arguments], and selects a record or artifact by a number
// modulo their count.
import { Buffer } from 'node:buffer';

const at = (list, i) => list[i % list.length];

const changeJSON = (text, field, value) => {
  let record;
  try {
    record = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof record !== 'object' || record === null) return text;
  if (value === 'absent') delete record[field];
  else record[field] = value;
  return JSON.stringify(record);
};

const changes = {
  dropRecord({ data }, i) {
    if (data.length) data.splice(i % data.length, 1);
  },
  duplicateRecord({ data }, i) {
    if (data.length) data.push([...at(data, i)]);
  },
  nullRecord({ data }, i) {
    if (data.length) data.push([at(data, i)[0], null]);
  },
  undefinedRecord({ data }, i) {
    if (data.length) data.push([at(data, i)[0]]);
  },
  nullAndBack({ data }, i) {
    if (data.length) data.push([at(data, i)[0], null], [...at(data, i)]);
  },
  addRecord({ data }, key, value) {
    data.push([key, value]);
  },
  changeField({ data }, i, field, value) {
    const records = data.filter(([key]) => /^(transcript|snapshot)\./.test(key));
    if (!records.length) return;
    const record = at(records, i);
    record[1] = changeJSON(record[1], field, value);
  },
  changeValue({ data }, i, value) {
    if (data.length) at(data, i)[1] = value;
  },
  changeKey({ data }, i, key) {
    if (data.length) at(data, i)[0] = key;
  },
  reverseRecords({ data }) {
    data.reverse();
  },
  rotateRecords({ data }, i) {
    if (data.length) data.push(...data.splice(0, i % data.length));
  },

  dropArtifact({ artifacts }, i) {
    if (artifacts.length) artifacts.splice(i % artifacts.length, 1);
  },
  listAbsent(plain, i) {
    plain.names ||= plain.artifacts.map(([name]) => name);
    if (plain.artifacts.length) {
      plain.artifacts.splice(i % plain.artifacts.length, 1);
    }
  },
  listTwice(plain, i) {
    plain.names ||= plain.artifacts.map(([name]) => name);
    if (plain.names.length) plain.names.push(at(plain.names, i));
  },
  reverseArtifacts({ artifacts }) {
    artifacts.reverse();
  },
  rotateArtifacts({ artifacts }, i) {
    if (artifacts.length) artifacts.push(...artifacts.splice(0, i % artifacts.length));
  },
  addArtifact({ artifacts }, name, text) {
    artifacts.push([name, Buffer.from(text)]);
  },
  renameArtifact({ artifacts }, i, name) {
    if (artifacts.length) at(artifacts, i)[0] = name;
  },
  truncateArtifact({ artifacts }, i, length) {
    if (!artifacts.length) return;
    const artifact = at(artifacts, i);
    artifact[1] = artifact[1].subarray(0, Math.max(0, artifact[1].length - length));
  },
  extendArtifact({ artifacts }, i, text) {
    if (!artifacts.length) return;
    const artifact = at(artifacts, i);
    artifact[1] = Buffer.concat([artifact[1], Buffer.from(text, 'latin1')]);
  },
  changeByte({ artifacts }, i, position, byte) {
    if (!artifacts.length) return;
    const artifact = at(artifacts, i);
    const bytes = Buffer.from(artifact[1]);
    if (bytes.length) bytes[position % bytes.length] = byte;
    artifact[1] = bytes;
  },
  swapContents({ artifacts }, i, j) {
    if (!artifacts.length) return;
    const [a, b] = [at(artifacts, i), at(artifacts, j)];
    [a[1], b[1]] = [b[1], a[1]];
  },
};

/** Returns a changed copy. */
export const mutate = ({ data, artifacts }, list) => {
  const plain = {
    data: data.map(record => [...record]),
    artifacts: artifacts.map(artifact => [...artifact]),
    names: undefined,
  };
  for (const [name, ...args] of list) {
    changes[name](plain, ...args);
  }
  return plain;
};
