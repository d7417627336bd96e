// The contract as Node.js uses it, from the image that `make setup` writes: all of it, google's and buf's
// protos included, so that no .proto file and no generated code is needed.

import { readFileSync } from "node:fs";
import loader from "@grpc/proto-loader";
import protobuf from "protobufjs";
import "protobufjs/ext/descriptor/index.js";

/** Return the definitions of all messages and services in an image (a google.protobuf.FileDescriptorSet). */
export function loadContract(image) {
  const tree = protobuf.Root.fromDescriptor(readFileSync(image)).toJSON();
  restoreMaps(tree);
  return loader.fromJSON(tree, {
    keepCase: true, // job_id, as the contract has it
    longs: String, // 64-bit numbers do not fit into a JavaScript number
    enums: String,
    defaults: true,
    oneofs: true, // message.event names the field that is set
    json: true, // unpacks google.protobuf.Any, which error details are packed in
  });
}

/** Make map fields maps again: protobufjs leaves them as a descriptor has them, as lists of entries. */
function restoreMaps(node) {
  for (const field of Object.values(node.fields ?? {})) {
    const name = field.type.split(".").pop();
    const { key, value } = (name.endsWith("Entry") && node.nested?.[name]?.fields) || {};
    if (key && value) {
      delete field.rule;
      Object.assign(field, { keyType: key.type, type: value.type });
    }
  }
  Object.values(node.nested ?? {}).forEach(restoreMaps);
}
