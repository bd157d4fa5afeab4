//! Cases that do not hold for this server, each with the reason.

/// Kind of case, id (for an expanded case `Id` means every expansion, `Id#2` one of them), reason.
pub(crate) type Exception = (&'static str, &'static str, &'static str);

const DEFAULTS: &str = "the models have no default values; a handler knows its own";
const WIDTHS: &str = "the models have no byte and no short, and their numbers no such limits";
const BIG_NUMBERS: &str = "the models have no big numbers, and these are strings to them";
const MEDIA_TYPES: &str = "the models do not say the media types of blobs";
const UNIQUE_ITEMS: &str = "the models do not say which lists are sets";
const OFFSETS_ARE_READ: &str = "AWS services take offsets from UTC, which users write by hand";
const EMPTY_PAYLOAD: &str =
    "the case describes a client that sends `{}` for what is not set; it is an empty structure";

/// JSON, CBOR and REST-JSON cases.
pub(crate) const JSON_AND_CBOR: &[Exception] = &[
    ("request", "AwsJson10ServerPopulatesDefaultsWhenMissingInRequestBody", DEFAULTS),
    ("request", "AwsJson10ServerPopulatesNestedDefaultsWhenMissingInRequestBody", DEFAULTS),
    ("request", "RestJsonServerPopulatesDefaultsWhenMissingInRequestBody", DEFAULTS),
    ("request", "RestJsonServerPopulatesNestedDefaultsWhenMissingInRequestBody", DEFAULTS),
    ("request", "RpcV2CborServerPopulatesDefaultsWhenMissingInRequestBody", DEFAULTS),
    ("request", "RpcV2JsonRequestServerPopulatesDefaultsWhenMissingInRequestBody", DEFAULTS),
    ("response", "AwsJson10ServerPopulatesDefaultsInResponseWhenMissingInParams", DEFAULTS),
    ("response", "AwsJson10ServerPopulatesNestedDefaultValuesWhenMissingInInResponseParams", DEFAULTS),
    ("response", "RestJsonServerPopulatesDefaultsInResponseWhenMissingInParams", DEFAULTS),
    ("response", "RestJsonServerPopulatesNestedDefaultValuesWhenMissingInInResponseParams", DEFAULTS),
    ("response", "RpcV2CborServerPopulatesDefaultsInResponseWhenMissingInParams", DEFAULTS),
    ("response", "RpcV2JsonResponseServerPopulatesDefaultsInResponseWhenMissingInParams", DEFAULTS),
    ("request", "SDKAppliedContentEncoding_awsJson1_0", COMPRESSED),
    ("request", "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0", COMPRESSED),
    ("request", "SDKAppliedContentEncoding_awsJson1_1", COMPRESSED),
    ("request", "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1", COMPRESSED),
    ("request", "SDKAppliedContentEncoding_restJson1", COMPRESSED),
    ("request", "SDKAppendedGzipAfterProvidedEncoding_restJson1", COMPRESSED),
    ("request", "RestJsonOmitsEmptyListQueryValues", ABSENT),
    ("request", "RestJsonHttpWithEmptyStructurePayload", EMPTY_PAYLOAD),
    ("request", "RestJsonHttpWithHeadersButNoPayload", EMPTY_PAYLOAD),
    (
        "request",
        "RestJsonEndpointTraitWithHostLabel",
        "the case leaves the Content-Type out, which the malformed cases demand",
    ),
    ("request", "RpcV2JsonRequestBigDecimalSimpleValue", BIG_NUMBERS),
    ("request", "RpcV2JsonRequestBigDecimalHighPrecision", BIG_NUMBERS),
    ("request", "RpcV2JsonRequestBigDecimalNegativeHighPrecision", BIG_NUMBERS),
    ("request", "RpcV2JsonRequestBigDecimalLargeWithFraction", BIG_NUMBERS),
    ("request", "RpcV2JsonRequestBigIntegerSimpleValue", BIG_NUMBERS),
    ("request", "RpcV2JsonRequestBigIntegerExceedingLongRange", BIG_NUMBERS),
    ("request", "RpcV2JsonRequestBigIntegerNegativeLargeValue", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigDecimalSimpleValue", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigDecimalHighPrecision", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigDecimalNegativeHighPrecision", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigDecimalLargeWithFraction", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigIntegerSimpleValue", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigIntegerExceedingLongRange", BIG_NUMBERS),
    ("response", "RpcV2JsonResponseBigIntegerNegativeLargeValue", BIG_NUMBERS),
    ("response", "RestJsonHttpPayloadTraitsWithMediaTypeWithBlob", MEDIA_TYPES),
    ("response", "RestJsonStreamingTraitsWithMediaTypeWithBlob", MEDIA_TYPES),
    ("malformed", "RestJsonWithPayloadExpectsModeledAccept", MEDIA_TYPES),
    ("malformed", "RestJsonWithPayloadExpectsModeledContentType", MEDIA_TYPES),
    ("malformed", "RestJsonWithPayloadExpectsImpliedContentType", MEDIA_TYPES),
    ("response", "AwsJson11IntEnums", "a response has no X-Amz-Target"),
    ("eventstream", "DuplexByteHeaderOutput", WIDTHS),
    ("eventstream", "DuplexShortHeaderOutput", WIDTHS),
    ("eventstream", "ByteHeaderOutput", WIDTHS),
    ("eventstream", "ShortHeaderOutput", WIDTHS),
    ("malformed", "RestJsonBodyByteUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonBodyByteUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonPathByteUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonPathByteUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonQueryByteUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonQueryByteUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonHeaderByteUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonHeaderByteUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonBodyShortUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonBodyShortUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonPathShortUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonPathShortUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonQueryShortUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonQueryShortUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonHeaderShortUnderflowOverflow#0", WIDTHS),
    ("malformed", "RestJsonHeaderShortUnderflowOverflow#1", WIDTHS),
    ("malformed", "RestJsonBodyTimestampDateTimeRejectsUTCOffsets", OFFSETS_ARE_READ),
    ("malformed", "RestJsonPathTimestampDefaultRejectsUTCOffsets", OFFSETS_ARE_READ),
    ("validation", "RestJsonMalformedUniqueItemsBlobList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsBooleanList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsStringList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsByteList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsShortList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsIntegerList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsLongList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsTimestampList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsDateTimeList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsHttpDateList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsEnumList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsIntEnumList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsListList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsStructureList", UNIQUE_ITEMS),
    ("validation", "RestJsonMalformedUniqueItemsUnionList", UNIQUE_ITEMS),
];

const COMPRESSED: &str = "the case has no body; compressed bodies are expanded before the protocol sees them";
const ABSENT: &str = "what a form does not name is absent, not empty";
const ALL_PARAMETERS: &str =
    "a map of query parameters holds all of them, as the REST-JSON cases for servers have it";
const OFFSET: &str = "times are written in UTC";
const LOST_MESSAGE: &str = "the body has a message or member that the error has not";

/// Query, EC2 and REST-XML cases.
pub(crate) const QUERY_AND_XML: &[Exception] = &[
    ("request", "SDKAppliedContentEncoding_awsQuery", COMPRESSED),
    ("request", "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery", COMPRESSED),
    ("request", "SDKAppliedContentEncoding_ec2Query", COMPRESSED),
    ("request", "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query", COMPRESSED),
    ("request", "SDKAppliedContentEncoding_restXml", COMPRESSED),
    ("request", "SDKAppendedGzipAfterProvidedEncoding_restXml", COMPRESSED),
    ("request", "QueryEmptyQueryMaps", ABSENT),
    ("request", "Ec2EmptyQueryLists", ABSENT),
    ("request", "AllQueryStringTypes", ALL_PARAMETERS),
    ("request", "RestXmlQueryStringEscaping", ALL_PARAMETERS),
    ("request", "RestXmlSupportsNaNFloatQueryValues", ALL_PARAMETERS),
    ("request", "RestXmlSupportsInfinityFloatQueryValues", ALL_PARAMETERS),
    ("request", "RestXmlSupportsNegativeInfinityFloatQueryValues", ALL_PARAMETERS),
    ("request", "RestXmlZeroAndFalseQueryValues", ALL_PARAMETERS),
    ("response", "Ec2QueryDateTimeWithNegativeOffset", OFFSET),
    ("response", "Ec2QueryDateTimeWithPositiveOffset", OFFSET),
    ("response", "RestXmlDateTimeWithNegativeOffset", OFFSET),
    ("response", "RestXmlDateTimeWithPositiveOffset", OFFSET),
    ("response", "Ec2ComplexError", LOST_MESSAGE),
    ("response", "ComplexError", LOST_MESSAGE),
    ("response", "InvalidGreetingError", LOST_MESSAGE),
    (
        "response",
        "QueryNoInputAndNoOutputWithResponseMetadata",
        "the service's namespace and the id of the request are written",
    ),
    (
        "response",
        "HttpPayloadTraitsWithMediaTypeWithBlob",
        "the cases' models have lost the media type of blobs",
    ),
    ("response", "RestXmlHttpResponseCode", "a response without a body has no media type"),
    (
        "response",
        "SimpleScalarPropertiesWithXMLPreamble",
        "comments and text beside elements are for clients to skip",
    ),
    ("response", "XmlNamespaceSimpleScalarProperties", "elements are written in the order of the model"),
    ("response", "S3OperationNoErrorWrappingResponse", "S3's errors have no type, but `HostId`"),
];

/// The reason why a case is not expected to pass.
pub(crate) fn reason(kind: &str, id: &str) -> Option<&'static str> {
    let all = || JSON_AND_CBOR.iter().chain(QUERY_AND_XML);
    let base = id.split_once('#').map_or(id, |(base, _)| base);
    all()
        .find(|(k, i, _)| *k == kind && *i == id)
        .or_else(|| all().find(|(k, i, _)| *k == kind && *i == base))
        .map(|(_, _, reason)| *reason)
}
