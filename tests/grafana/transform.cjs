// Applies the transformations of panels to data frames, with Grafana's own library.
//
// Standard input: [{"transformations": [...], "frames": [{"refId", "fields": [{"name", "type",
// "values"}]}]}], numbers as text, so that they may be NaN. Standard output: for each, its frames, with the `displayName` of every field.
'use strict';

const fs = require('node:fs');
const {
  getFieldDisplayName,
  standardTransformers,
  standardTransformersRegistry,
  toDataFrame,
  transformDataFrame,
} = require('@grafana/data');

// The library is loaded; from here on it asks the browser's window whether
// dashboards are scenes, as they are since Grafana 11.
globalThis.window = { __grafanaSceneContext: {} };

// Some stand there under two names.
const transformers = new Map(Object.values(standardTransformers).map((each) => [each.id, each]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((each) => ({
    id: each.id,
    name: each.name,
    transformation: () => Promise.resolve(each),
    imageDark: '',
    imageLight: '',
  }))
);

const last = (observable) =>
  new Promise((resolve, reject) => {
    let latest = [];
    observable.subscribe({
      next: (value) => (latest = value),
      error: reject,
      complete: () => resolve(latest),
    });
  });

const frameOf = ({ refId, fields }) =>
  toDataFrame({
    refId,
    fields: fields.map((field) => ({
      ...field,
      config: {},
      values: field.type === 'number' ? field.values.map(Number) : field.values,
    })),
  });

const plain = (frame, _, all) => ({
  refId: frame.refId ?? null,
  length: frame.length,
  fields: frame.fields.map((field) => ({
    name: field.name,
    displayName: getFieldDisplayName(field, frame, all),
    type: field.type,
    values: Array.from(field.values),
  })),
});

(async () => {
  const done = [];
  for (const { transformations, frames } of JSON.parse(fs.readFileSync(0, 'utf8'))) {
    for (const { id } of transformations) {
      // The library passes over what it does not know.
      if (!transformers.has(id)) throw new Error(`unknown transformation: ${id}`);
    }
    const data = frames.map(frameOf);
    done.push((await last(transformDataFrame(transformations, data))).map(plain));
  }
  process.stdout.write(JSON.stringify(done));
})();
