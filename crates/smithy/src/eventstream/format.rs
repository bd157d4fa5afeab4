//! The formats of structures in payloads.

use crate::codec::cbor::{CborDeserializer, CborSerializer};
use crate::codec::json::{self, JsonDeserializer, JsonSerializer, Timestamps};
use crate::codec::xml::{Tree, XmlDeserializer, XmlSerializer, XmlStyle};
use crate::error::CodecError;
use crate::schema::{Member, ProtocolId, Schema, ServiceSchema};
use crate::shape::{DecodeReport, SeenMembers, Shape, ShapeDeserializer, ShapeSerializer, Visit};

/// How a protocol writes the structures in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFormat {
    /// JSON, of REST-JSON.
    Json,
    /// JSON, of AWS JSON 1.0.
    AwsJson10,
    /// JSON, of AWS JSON 1.1.
    AwsJson11,
    /// JSON, of RPC v2.
    RpcJson,
    /// CBOR, of RPC v2.
    Cbor,
    /// XML, of REST-XML.
    Xml,
}

impl EventFormat {
    /// The format of a protocol; `None` for those without event streams.
    pub fn of(protocol: ProtocolId, service: &ServiceSchema) -> Option<Self> {
        match protocol {
            ProtocolId::RestJson => Some(Self::Json),
            ProtocolId::Json if service.json_version == "1.0" => Some(Self::AwsJson10),
            ProtocolId::Json => Some(Self::AwsJson11),
            ProtocolId::RpcV2Json => Some(Self::RpcJson),
            ProtocolId::RpcV2Cbor => Some(Self::Cbor),
            ProtocolId::RestXml => Some(Self::Xml),
            ProtocolId::Query | ProtocolId::Ec2 => None,
        }
    }

    /// The media type of structures in payloads.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::RpcJson => "application/json",
            Self::AwsJson10 => "application/x-amz-json-1.0",
            Self::AwsJson11 => "application/x-amz-json-1.1",
            Self::Cbor => "application/cbor",
            Self::Xml => "text/xml",
        }
    }

    fn timestamps(self) -> Timestamps {
        if self == Self::RpcJson { Timestamps::Seconds } else { Timestamps::ByModel }
    }

    /// Writes `shape` as the whole payload.
    pub(super) fn write_shape(self, shape: &dyn Shape, to: &mut Vec<u8>) -> Visit {
        match self {
            Self::Cbor => CborSerializer::new(to).object(|to| shape.write_members(to)),
            Self::Xml => {
                let schema = shape.schema();
                let name = schema.location_name.unwrap_or(schema.name);
                let mut xml = xml_serializer();
                xml.start(name, schema.xml_namespace);
                xml.members(shape)?;
                xml.end(name);
                to.extend_from_slice(xml.finish().as_bytes());
                Ok(())
            }
            _ => json::write_shape(shape, self.timestamps(), to),
        }
    }

    /// Lends `write` a serializer that makes `member`'s value the whole payload.
    pub(super) fn write_value(
        self,
        member: &'static Member,
        to: &mut Vec<u8>,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        match self {
            Self::Cbor => write(&mut CborSerializer::new(to)),
            Self::Xml => {
                let target = member.target;
                let mut xml = xml_serializer();
                let name = member.location_name.or(target.location_name).unwrap_or(target.name);
                xml.next_is_root(name, target.xml_namespace);
                write(&mut xml)?;
                to.extend_from_slice(xml.finish().as_bytes());
                Ok(())
            }
            _ => write(&mut JsonSerializer::new(to).timestamps(self.timestamps())),
        }
    }

    /// Lends `read` a deserializer on a payload.
    pub(super) fn read_value(
        self,
        payload: &[u8],
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        match self {
            Self::Cbor => {
                let mut reader = CborDeserializer::new(payload, report);
                read(&mut reader)?;
                reader.finish()
            }
            Self::Xml => read(&mut XmlDeserializer::new(&Tree::parse(payload)?, report)),
            _ => {
                let mut reader = JsonDeserializer::new(payload, report)?.timestamps(self.timestamps());
                read(&mut reader)?;
                reader.finish()
            }
        }
    }

    /// Reads the members of a structure that `wanted` chooses from a payload.
    pub(super) fn read_members(
        self,
        schema: &'static Schema,
        payload: &[u8],
        report: &mut DecodeReport,
        seen: &mut SeenMembers,
        wanted: fn(&Member) -> bool,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Result<(), CodecError> {
        match self {
            Self::Cbor => {
                let mut reader = CborDeserializer::new(payload, report);
                reader.read_members(schema, seen, wanted, on_member)?;
                reader.finish()
            }
            Self::Xml => {
                let tree = Tree::parse(payload)?;
                XmlDeserializer::new(&tree, report).read_members(schema, seen, wanted, on_member)
            }
            _ => {
                let mut reader = JsonDeserializer::new(payload, report)?.timestamps(self.timestamps());
                reader.read_members(schema, seen, wanted, on_member)?;
                reader.finish()
            }
        }
    }
}

fn xml_serializer() -> XmlSerializer {
    let mut xml = XmlSerializer::new(XmlStyle::default());
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    xml
}
