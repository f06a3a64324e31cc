// Finds the user's handler from `_HANDLER`: folder/module.export, CommonJS or ES module.
'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { basename, dirname, join, resolve } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Fault } = require('./faults.cjs');

const requireByUser = createRequire('/var/runtime/index.mjs'); // what a require stack ends with, as on Lambda

async function loadHandler(root, name) {
  if (name.includes('..')) {
    throw new Fault('Runtime.MalformedHandlerName',
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const file = basename(name);
  const folder = name.slice(0, name.length - file.length);
  const dot = file.indexOf('.');
  if (dot < 1 || dot === file.length - 1) throw new Fault('Runtime.MalformedHandlerName', 'Bad handler');
  const module = await load(root, folder, file.slice(0, dot));
  const handler = file.slice(dot + 1).split('.').reduce((owner, key) => owner?.[key], module);
  if (handler === undefined || handler === null) {
    throw new Fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  }
  if (typeof handler !== 'function') throw new Fault('Runtime.HandlerNotFound', `${name} is not a function`);
  return handler;
}

async function load(root, folder, name) {
  const path = resolve(root, folder, name);
  const file = ['', '.js', '.mjs', '.cjs'].map((end) => path + end).find(isFile);
  try {
    if (!file) return requireByUser(requireByUser.resolve(`./${name}`, { paths: [join(root, folder)] }));
    return isEsModule(file) ? await import(pathToFileURL(file)) : requireByUser(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('Runtime.UserCodeSyntaxError', String(error), error);
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Fault('Runtime.ImportModuleError', String(file ? error : notFound(name)), error);
    }
    throw error;
  }
}

function notFound(name) {
  return `Error: Cannot find module '${name}'\nRequire stack:\n- /var/runtime/index.mjs`;
}

const isFile = (path) => existsSync(path) && !existsSync(`${path}/.`);

function isEsModule(file) {
  if (file.endsWith('.mjs')) return true;
  return file.endsWith('.js') && packageType(dirname(file)) === 'module';
}

function packageType(folder) {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    try {
      return JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')).type;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
}

module.exports = { loadHandler };
