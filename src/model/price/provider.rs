//! What the name of a provider says about who serves a model.
//!
//! A price list knows its own providers. Of the names that it does not know, some belong to programs that serve a model on the user's own
//! machines, which have no list price, and some to frameworks, which serve nothing.

/// The most characters of a name that are compared.
const MAX_NAME: usize = 64;

/// Names, or parts of names, of programs that serve models on the user's own machines.
const LOCAL_SERVERS: [&str; 24] = [
    "ollama",
    "lmstudio",
    "vllm",
    "llamacpp",
    "llamafile",
    "llamaswap",
    "localai",
    "localhost",
    "sglang",
    "lmdeploy",
    "textgenerationinference",
    "textgenerationwebui",
    "gpt4all",
    "koboldcpp",
    "mlxlm",
    "mlcllm",
    "openllm",
    "ramalama",
    "dockermodelrunner",
    "exllama",
    "tabbyapi",
    "xinference",
    "mistralrs",
    "lemonade",
];

/// Words of such names that are too short to be compared with a part of a word.
const LOCAL_WORDS: [&str; 5] = ["local", "tgi", "mlx", "jan", "transformers"];

/// Names, or parts of names, of libraries and gateways that call models of other providers.
const FRAMEWORKS: [&str; 26] = [
    "agno",
    "aisdk",
    "autogen",
    "crewai",
    "dspy",
    "genkit",
    "haystack",
    "instructor",
    "koog",
    "langfuse",
    "langchain",
    "langgraph",
    "langsmith",
    "litellm",
    "llamaindex",
    "mastra",
    "openinference",
    "openllmetry",
    "opentelemetry",
    "pydanticai",
    "semantickernel",
    "smolagents",
    "springai",
    "traceloop",
    "vercelai",
    "voltagent",
];

/// Words that name a program, not a provider.
const FRAMEWORK_WORDS: [&str; 8] = ["adk", "agent", "agents", "framework", "gateway", "instrumentation", "proxy", "sdk"];

/// The vendors of models on Amazon Bedrock, before the dot of a model id.
const BEDROCK_VENDORS: [&str; 17] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
];

/// The regions before the vendor.
const BEDROCK_REGIONS: [&str; 8] = ["us", "us-gov", "eu", "apac", "au", "jp", "ca", "global"];

/// Returns the letters and digits of a name, in lower case: `OPEN_AI` and `OpenAI` are one provider.
pub(super) fn compact(name: &str) -> String {
    name.chars().take(MAX_NAME).filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Whether the name is of a program that serves models on the user's own machines.
pub(super) fn is_local(name: &str) -> bool {
    is_one_of(name, &LOCAL_SERVERS, &LOCAL_WORDS)
}

/// Whether the name is of a library or a gateway, which says nothing about who serves the model.
pub(super) fn is_framework(name: &str) -> bool {
    is_one_of(name, &FRAMEWORKS, &FRAMEWORK_WORDS)
}

fn is_one_of(name: &str, parts: &[&str], words: &[&str]) -> bool {
    let compact = compact(name);
    let has_word = || {
        let mut own = name.split(|char: char| !char.is_ascii_alphanumeric()).take(MAX_NAME);
        own.any(|word| words.iter().any(|other| other.eq_ignore_ascii_case(word)))
    };
    parts.iter().any(|part| compact.contains(part)) || has_word()
}

/// Returns the model id if it is one of Amazon Bedrock, also at the end of an ARN: `us.anthropic.claude-sonnet-4-20250514-v1:0`.
pub(super) fn bedrock_id(model: &str) -> Option<&str> {
    let id = if model.starts_with("arn:aws") { model.rsplit_once('/')?.1 } else { model };
    let (first, rest) = id.split_once('.')?;
    let vendor = if BEDROCK_REGIONS.contains(&first) { rest.split_once('.')?.0 } else { first };
    BEDROCK_VENDORS.contains(&vendor).then_some(id)
}

/// Returns the model id of a resource name of Google: `gemini-2.5-flash` of `publishers/google/models/gemini-2.5-flash`.
pub(super) fn resource_id(model: &str) -> Option<&str> {
    let (path, id) = model.rsplit_once("models/")?;
    (path.is_empty() || path.contains("publishers/")).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_frameworks_are_known_however_they_are_written() {
        for name in [
            "Ollama",
            "LMStudio",
            "lm_studio",
            "VLLM",
            "hosted_vllm",
            "LlamaCpp",
            "llama.cpp",
            "llama-cpp-python",
            "local",
            "my-local",
            "TGI",
        ] {
            assert!(is_local(name), "{name}");
        }
        for name in [
            "strands-agents",
            "spring_ai",
            "langchain",
            "LangChain4j",
            "semantic_kernel",
            "LiteLLM",
            "acme-gateway",
            "pydantic-ai",
            "google-adk",
            "vercel-ai",
            "instructor",
        ] {
            assert!(is_framework(name) && !is_local(name), "{name}");
        }
        for name in
            ["", "OpenAI", "openrouter", "Requesty", "meta-llama", "together_ai", "mistral_ai", "anthropic", "localize", "groq", "janus"]
        {
            assert!(!is_framework(name) && !is_local(name), "{name}");
        }
    }

    #[test]
    fn resource_names_of_google_end_with_the_id() {
        for name in ["models/gemini-2.5-flash", "projects/p/locations/eu/publishers/google/models/gemini-2.5-flash"] {
            assert_eq!(resource_id(name), Some("gemini-2.5-flash"), "{name}");
        }
        for name in ["gemini-2.5-flash", "accounts/fireworks/models/glm-5", "projects/p/models/17", "models", ""] {
            assert_eq!(resource_id(name), None, "{name}");
        }
    }

    #[test]
    fn ids_of_bedrock_are_told_from_versions() {
        assert_eq!(bedrock_id("us.anthropic.claude-sonnet-4-20250514-v1:0"), Some("us.anthropic.claude-sonnet-4-20250514-v1:0"));
        assert_eq!(bedrock_id("amazon.nova-pro-v1:0"), Some("amazon.nova-pro-v1:0"));
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-20250514-v1:0";
        assert_eq!(bedrock_id(arn), Some("eu.anthropic.claude-sonnet-4-20250514-v1:0"));
        for model in ["gpt-4.1", "claude-sonnet-4-5", "qwen2.5-7b", "us.gpt-4o", "arn:aws:bedrock", "", "."] {
            assert_eq!(bedrock_id(model), None, "{model}");
        }
    }
}
