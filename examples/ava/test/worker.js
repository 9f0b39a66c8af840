import { parentPort } from 'node:worker_threads';
import { initSwingStore } from '@agoric/swing-store';

const { kernelStorage } = initSwingStore();
kernelStorage.kvStore.set('where', 'elsewhere');
parentPort.postMessage(kernelStorage.kvStore.get('where'));
