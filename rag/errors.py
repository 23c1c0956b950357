"""Every error that a user may see. Its message is one line and says what to do.

RagError
├── InputError              what was asked cannot be done as asked
│   ├── QuestionError       an empty or overlong question, a k below 1
│   ├── FilterError         a metadata filter that does not make sense
│   ├── NotFoundError       no such document, collection or file
│   └── ReadOnlyError       the demo does not take changes
├── DocumentError           a file that cannot be read
│   ├── UnsupportedTypeError
│   ├── TooLargeError
│   ├── EmptyDocumentError
│   ├── EncryptedError
│   ├── DamagedError
│   ├── NoTextError         nothing but images
│   └── ParseLimitError     it took more time, memory or pages than allowed
├── StorageError            the data folder or Chroma
│   ├── FolderInUseError    another process owns the folder
│   ├── FolderError         the folder cannot be written, or is from a newer version
│   ├── StoreUnavailableError
│   ├── StoreDamagedError
│   └── FingerprintError    a collection made with another model or another way of chunking
├── ConfigurationError      settings that cannot work
│   ├── ModelError          an embedding or language model that cannot be loaded or does not answer
│   └── MissingDependencyError
└── StoppedError            somebody asked to stop; nothing is wrong
"""


class RagError(Exception):
    """The root: catch this at the edge, print `str(error)`."""


class InputError(RagError): ...


class QuestionError(InputError): ...


class FilterError(InputError): ...


class NotFoundError(InputError): ...


class ReadOnlyError(InputError): ...


class DocumentError(RagError): ...


class UnsupportedTypeError(DocumentError): ...


class TooLargeError(DocumentError): ...


class EmptyDocumentError(DocumentError): ...


class EncryptedError(DocumentError): ...


class DamagedError(DocumentError): ...


class NoTextError(DocumentError): ...


class ParseLimitError(DocumentError): ...


class StorageError(RagError): ...


class FolderInUseError(StorageError): ...


class FolderError(StorageError): ...


class StoreUnavailableError(StorageError): ...


class StoreDamagedError(StorageError): ...


class FingerprintError(StorageError): ...


class ConfigurationError(RagError): ...


class ModelError(ConfigurationError): ...


class MissingDependencyError(ConfigurationError): ...


class StoppedError(RagError): ...
