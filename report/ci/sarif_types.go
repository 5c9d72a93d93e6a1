package ci

// The objects of SARIF 2.1.0 that are written, by the names of its section 3.

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct { // toolComponent, section 3.19
	Name            string       `json:"name"`
	InformationURI  string       `json:"informationUri"`
	Version         string       `json:"version,omitempty"`
	SemanticVersion string       `json:"semanticVersion,omitempty"`
	Rules           []*sarifRule `json:"rules"`
}

type sarifRule struct { // reportingDescriptor, section 3.49
	ID                   string             `json:"id"`
	ShortDescription     sarifText          `json:"shortDescription"`
	FullDescription      sarifText          `json:"fullDescription"`
	Help                 sarifText          `json:"help"`
	DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	Properties           sarifRuleBag       `json:"properties"`

	causes, remedies []string // of its findings
}

type sarifConfiguration struct { // reportingConfiguration, section 3.50
	Level string `json:"level"`
}

type sarifRuleBag struct {
	Tags     []string `json:"tags"`
	Severity string   `json:"problem.severity"`
	Certain  string   `json:"precision"`
}

type sarifText struct { // message or multiformatMessageString, sections 3.11 and 3.12
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifResult struct { // section 3.27
	RuleID              string             `json:"ruleId"`
	RuleIndex           int                `json:"ruleIndex"`
	Level               string             `json:"level"`
	BaselineState       string             `json:"baselineState,omitempty"`
	Message             sarifText          `json:"message"`
	Locations           []sarifLocation    `json:"locations"`
	RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
	PartialFingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions        []sarifSuppression `json:"suppressions"`
	Properties          sarifResultBag     `json:"properties"`
}

type sarifResultBag struct {
	ID           string `json:"id"`
	Cause        string `json:"cause"`
	A            string `json:"a"`
	B            string `json:"b"`
	Bytes        int64  `json:"bytes"`
	Values       int    `json:"values"`
	Consequences int    `json:"consequences"`
	Remedy       string `json:"remedy,omitempty"`
	Variation    string `json:"variation,omitempty"`
}

type sarifSuppression struct { // section 3.35
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type sarifLocation struct { // section 3.28
	ID               *int                   `json:"id,omitempty"`
	Message          *sarifText             `json:"message,omitempty"`
	PhysicalLocation sarifPhysicalLocation  `json:"physicalLocation"`
	LogicalLocations []sarifLogicalLocation `json:"logicalLocations,omitempty"`
}

type sarifPhysicalLocation struct { // section 3.29
	ArtifactLocation sarifArtifactLocation `json:"artifactLocation"`
	Region           *sarifRegion          `json:"region,omitempty"`
}

type sarifArtifactLocation struct { // section 3.4
	URI   string `json:"uri"`
	Index *int   `json:"index,omitempty"`
}

// sarifRegion is a line of a text, or a range of bytes (section 3.30).
type sarifRegion struct {
	StartLine  int    `json:"startLine,omitempty"`
	ByteOffset *int64 `json:"byteOffset,omitempty"`
	ByteLength *int64 `json:"byteLength,omitempty"`
}

type sarifLogicalLocation struct { // section 3.33
	Name               string `json:"name"`
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

type sarifArtifact struct { // section 3.24
	Location    sarifArtifactLocation `json:"location"`
	Description *sarifText            `json:"description,omitempty"`
	Length      *int64                `json:"length,omitempty"`
	Roles       []string              `json:"roles"`
	Hashes      map[string]string     `json:"hashes,omitempty"`
}

type sarifInvocation struct { // section 3.20
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	ExitCode            int                 `json:"exitCode"`
	ExitCodeDescription string              `json:"exitCodeDescription"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct { // section 3.58
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifAutomation struct { // runAutomationDetails, section 3.17
	ID string `json:"id"`
}

type sarifRunBag struct {
	Verdict        string `json:"verdict"`
	Headline       string `json:"headline"`
	DifferingBytes int64  `json:"differingBytes"`
	ExplainedBytes int64  `json:"explainedBytes"`
	RootFindings   int    `json:"rootFindings"`
	Consequences   int    `json:"consequences"`
	Omitted        int    `json:"omittedResults,omitempty"`
	Builds         string `json:"builds,omitempty"`
}
