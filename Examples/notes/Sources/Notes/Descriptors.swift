import OrderedJSON

/// What the host tells callers and models; docs/abi.md lists every member.
private func descriptor(
    _ name: String,
    _ title: String,
    _ description: String,
    input: JSONObject,
    required: [JSON] = [],
    output: JSONObject,
    example: JSONObject,
    isDestructive: Bool = false,
    asks: Bool = false
) -> JSONObject {
    [
        "name": .string(name), "title": .string(title), "description": .string(description),
        "examples": [["title": .string(title), "arguments": .object(example)]],
        "input_schema": [
            "type": "object", "properties": .object(input), "required": .array(required),
            "additionalProperties": false,
        ],
        "output_schema": ["type": "object", "properties": .object(output), "additionalProperties": false],
        "asks": .bool(asks),
        "annotations": [
            "read_only": false, "destructive": .bool(isDestructive), "idempotent": false, "open_world": false,
            "money_moving": false,
        ],
    ]
}

let addDescriptor = descriptor(
    "notes_add",
    "Add a note",
    "Keeps a note for the organization, and marks it as due when its time has come.",
    input: [
        "text": ["type": "string", "minLength": 1, "maxLength": 1000, "description": "The note."],
        "remind_after_s": ["type": "integer", "minimum": 0, "maximum": 31_536_000, "description": "When it is due."],
    ],
    required: ["text"],
    output: ["note": ["type": "string"]],
    example: ["text": "Call the supplier", "remind_after_s": 3600]
)

let listDescriptor = descriptor(
    "notes_list",
    "List the notes",
    "Shows every note of the organization.",
    input: [:],
    output: ["notes": ["type": "array"]],
    example: [:]
)

let clearDescriptor = descriptor(
    "notes_clear",
    "Delete all notes",
    "Deletes every note of the organization, once a person has agreed.",
    input: [:],
    output: ["deleted": ["type": "integer"]],
    example: [:],
    isDestructive: true,
    asks: true
)

let exportDescriptor = descriptor(
    "notes_export",
    "Export the notes",
    "Makes a text file of all notes and answers a link to it, good for a day.",
    input: [:],
    output: ["count": ["type": "integer"]],
    example: [:]
)

/// Asks before it is written: docs/abi.md, section 1.7.
let digestDescriptor: JSONObject = [
    "name": "notes_digest", "title": "A digest of the notes", "description": "What the notes say about one thing.",
    "asks": true,
    "arguments": [["name": "about", "description": "The thing.", "required": true, "x-completes": true]],
]

let noteDescriptor: JSONObject = [
    "uri_template": "notes://{key}", "name": "note", "title": "A note", "description": "The text of one note.",
    "mime_type": "text/plain",
    "arguments": [["name": "key", "description": "The note's id, as notes_add answers it.", "x-completes": true]],
]
